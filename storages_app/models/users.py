"""People who sign in; the e-mail address is the name."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person; `is_staff` makes an operator."""

    class Theme(models.TextChoices):
        SYSTEM = "system", "As this device has it"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    username = None  # type: ignore[assignment]
    email = models.EmailField("email address", unique=True)
    theme = models.CharField(
        max_length=10, choices=Theme, default=Theme.SYSTEM, db_default="system"
    )
    time_zone = models.CharField(max_length=64, default="UTC", db_default="UTC")
    has_shortcuts = models.BooleanField(
        default=True, db_default=True, help_text="Whether single keys such as / do something."
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()  # type: ignore[misc,assignment]

    def __str__(self) -> str:
        return self.email
