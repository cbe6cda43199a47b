// Passkeys: the browser's own words, put into a form that the server reads.

const options = async (form) => {
  const address = form.dataset.options;
  if (!address) return JSON.parse(document.getElementById("passkey-options").textContent);
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error("The server has no question for your passkey now. Try again in a minute.");
  return answer.json();
};

const made = async (form) => {
  const { publicKey } = (await options(form)).creation_options;
  publicKey.authenticatorSelection = {
    ...publicKey.authenticatorSelection,
    residentKey: "required",
    requireResidentKey: true,
    userVerification: "required",
  };
  return navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey),
  });
};

const shown = async (form) => {
  const { publicKey } = (await options(form)).request_options;
  return navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
  });
};

const why = (error) => {
  if (error.name === "InvalidStateError") return "This device has a passkey for this account already.";
  if (error.name === "NotAllowedError") return "No passkey was used. Try again, or take another way.";
  return error.message;
};

const works = window.PublicKeyCredential && "parseRequestOptionsFromJSON" in PublicKeyCredential;
for (const form of works ? document.querySelectorAll("form[data-passkey]") : []) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation(); // its button may be pressed again
    const said = form.querySelector(".error[hidden], .error[data-said]");
    try {
      const credential = await (form.dataset.passkey === "create" ? made(form) : shown(form));
      form.elements.credential.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      said.dataset.said = "";
      said.textContent = why(error);
      said.hidden = false;
    }
  });
}
