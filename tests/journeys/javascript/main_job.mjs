// The main job by the official JavaScript clients: `node main_job.mjs facts.json`, JSON on stdout.
import { readFile } from 'node:fs/promises'
import { base, info, uploadFile } from '@uploadcare/upload-client'
import {
  copyFileToRemoteStorage,
  deleteFile,
  fileInfo,
  listOfFiles,
  storeFile,
  UploadcareAuthSchema,
  UploadcareSimpleAuthSchema
} from '@uploadcare/rest-client'

const facts = JSON.parse(await readFile(process.argv[2]))
const keys = { publicKey: facts.publicKey, secretKey: facts.secretKey }
const upload = { publicKey: facts.publicKey, baseURL: facts.url, baseCDN: facts.filesURL }
const photo = await readFile(facts.photo)

const refusal = (promise) =>
  promise.then(
    () => null,
    (error) => ({ status: error.status, message: error.message })
  )

async function byRest(Schema) {
  const settings = { apiBaseURL: facts.url, authSchema: new Schema(keys) }
  const file = await uploadFile(photo, {
    ...upload,
    store: false,
    fileName: 'Grand harbour.jpg',
    contentType: 'image/jpeg',
    metadata: { album: 'ports' }
  })
  const source = file.uuid
  const resized = `${source}/-/resize/200x/`
  const pattern = 'by-pattern/${uuid}${effects}${ext}'
  const to = { source, target: 'demo' }
  return {
    uploaded: file,
    info: await info(source, upload),
    listed: await listOfFiles({ stored: false, ordering: '-datetime_uploaded', limit: 1 }, settings),
    before: await fileInfo({ uuid: source }, settings),
    stored: await storeFile({ uuid: source }, settings),
    copied: await copyFileToRemoteStorage(to, settings),
    copiedByPattern: await copyFileToRemoteStorage({ ...to, source: resized, pattern }, settings),
    unknownTarget: await refusal(copyFileToRemoteStorage({ source, target: 'nowhere' }, settings)),
    deleted: await deleteFile({ uuid: source }, settings)
  }
}

const wrong = new UploadcareAuthSchema({ ...keys, secretKey: 'not-the-secret' })
const answers = {
  direct: await base(photo, { ...upload, store: true, fileName: 'direct.jpg' }),
  wrongKey: await refusal(base(photo, { ...upload, publicKey: 'nobody' })),
  wrongSecret: await refusal(listOfFiles({}, { apiBaseURL: facts.url, authSchema: wrong })),
  simple: await byRest(UploadcareSimpleAuthSchema),
  signed: await byRest(UploadcareAuthSchema)
}
console.log(JSON.stringify(answers))
