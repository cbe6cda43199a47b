// One way in by the official client: `node uploads.mjs facts.json <way>`, JSON on stdout.
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import {
  base,
  fromUrl,
  fromUrlStatus,
  group,
  groupInfo,
  info,
  multipartComplete,
  multipartStart,
  multipartUpload,
  uploadFile,
  uploadFileGroup
} from '@uploadcare/upload-client'

const MB = 1024 * 1024
const [factsFile, way] = process.argv.slice(2)
const facts = JSON.parse(await readFile(factsFile))
const photo = await readFile(facts.photo)
const large = Buffer.alloc(25 * MB + 1, photo)
const settings = { publicKey: facts.publicKey, baseURL: facts.url, baseCDN: facts.filesURL }
const jpeg = { fileName: 'Grand harbour.jpg', contentType: 'image/jpeg' }

// What a promise came to, as the caller of the client sees it.
const outcome = (promise) =>
  promise.then(
    (value) => ({ value }),
    ({ name, message, code, isCancel = false, headers }) => ({
      name,
      message,
      code,
      isCancel,
      retryAfter: headers?.['retry-after']
    })
  )

const sign = (secret, secureExpire) => ({
  secureExpire: String(secureExpire),
  secureSignature: createHmac('sha256', secret).update(String(secureExpire)).digest('hex')
})
const soon = () => Math.floor(Date.now() / 1000) + 60

// Uploads and notes the progress that the client tells of.
async function watched(data, options = {}) {
  const progress = []
  const onProgress = ({ isComputable, value }) => progress.push(isComputable ? value : null)
  const file = await uploadFile(data, { ...settings, onProgress, ...options })
  return { file, progress }
}

// Gives up when the client has told of as much progress.
async function aborted(data, from) {
  const controller = new AbortController()
  const onProgress = ({ value }) => value >= from && controller.abort()
  const options = { ...settings, ...jpeg, onProgress, signal: controller.signal }
  return await outcome(uploadFile(data, options))
}

const ways = {
  direct: async () => ({
    ...(await watched(photo, { ...jpeg, metadata: { album: 'ports' } })),
    stored: (await uploadFile(photo, { ...settings, store: true })).isStored,
    notStored: (await uploadFile(photo, { ...settings, store: false })).isStored,
    again: (await uploadFile(facts.uuid, settings)).uuid
  }),

  multipart: () => watched(large, { fileName: 'film.bin', metadata: { reel: '2' }, store: true }),

  parts: async () => {
    const { uuid, parts } = await multipartStart(large.length, { ...settings, ...jpeg })
    const sent = (n) => multipartUpload(large.subarray(n * 5 * MB, (n + 1) * 5 * MB), parts[n], {})
    const early = await outcome(multipartComplete(uuid, settings))
    for (const n of [5, 3, 3, 0, 4, 2, 1]) await sent(n) // any order, one of them twice
    const done = await multipartComplete(uuid, settings)
    return { n: parts.length, uuid, early, done, twice: await outcome(multipartComplete(uuid, settings)) }
  },

  abort: async () => ({
    direct: await aborted(large.subarray(0, 20 * MB), 0.01),
    multipart: await aborted(large, 0.3),
    afterwards: (await uploadFile(photo, { ...settings, ...jpeg })).size
  }),

  url: async () => {
    const fetched = await watched(facts.sources.photo, { metadata: { album: 'ports' }, store: true })
    const named = await uploadFile(facts.sources.photo, {
      ...settings,
      fileName: 'mine.jpg',
      saveUrlForRecurrentUploads: true
    })
    const check = { ...settings, checkForUrlDuplicates: true }
    const known = await uploadFile(facts.sources.photo, check)
    const { token } = await fromUrl(facts.sources.missing, settings)
    let status
    do status = await fromUrlStatus(token, settings)
    while (['waiting', 'progress'].includes(status.status))
    return { ...fetched, named, known, status, otherHosts: [...globalThis.otherHosts] }
  },

  groups: async () => {
    const made = await uploadFileGroup([photo, Buffer.from('second')], settings)
    const members = made.files.map(({ uuid }) => uuid)
    const shown = [members[1], `${facts.filesURL}/${members[0]}/-/resize/32x/-/format/png/`]
    const again = await group(shown, settings)
    return { made, again, told: await groupInfo(again.id, settings) }
  },

  signed: async () => {
    const key = { ...settings, publicKey: facts.signed.publicKey }
    const good = { ...key, ...sign(facts.signed.secretKey, soon()) }
    const bad = {
      unsigned: key,
      expired: { ...key, ...sign(facts.signed.secretKey, 1454903856) },
      foreign: { ...key, ...sign(facts.secretKey, soon()) }
    }
    const file = await uploadFile(photo, good)
    const bigger = await uploadFile(large, good)
    const fetched = await uploadFile(facts.sources.photo, good)
    const made = await group([file.uuid, bigger.uuid, fetched.uuid], good)
    const refused = {}
    for (const [why, options] of Object.entries(bad)) {
      refused[why] = [
        await outcome(base(photo, options)),
        await outcome(multipartStart(large.length, options)),
        await outcome(fromUrl(facts.sources.photo, options)),
        await outcome(group([file.uuid], options))
      ]
    }
    return { filesCount: made.filesCount, refused }
  },

  refusals: async () => {
    const nobody = { ...settings, publicKey: 'nobody' }
    const stranger = '3f2504e0-4f89-41d3-9a0c-0305e82c3301'
    return {
      ProjectPublicKeyInvalidError: await outcome(base(photo, nobody)),
      FileMetadataValueLengthTooBigError: await outcome(
        base(photo, { ...settings, metadata: { album: 'x'.repeat(513) } })
      ),
      MultipartFileSizeTooSmallError: await outcome(multipartStart(10 * MB - 1, settings)),
      MultipartPartSizeTooSmallError: await outcome(
        multipartStart(11 * MB, { ...settings, multipartChunkSize: MB })
      ),
      MultipartFileNotFoundError: await outcome(multipartComplete(stranger, settings)),
      URLSchemeInvalidError: await outcome(fromUrl('ftp://example.com/a.jpg', settings)),
      URLHostPrivateIPForbiddenError: await outcome(fromUrl('http://169.254.169.254/', settings)),
      FileNotFoundError: await outcome(info(stranger, settings)),
      FileIdInvalidError: await outcome(info('x', settings)),
      GroupFilesNotFoundError: await outcome(group([stranger], settings)),
      GroupFileURLParsingFailedError: await outcome(group(['x'], settings)),
      GroupNotFoundError: await outcome(groupInfo(`${stranger}~1`, settings)),
      waiting: await outcome(fromUrlStatus(stranger, settings))
    }
  },

  throttled: async () => {
    const options = { ...settings, retryThrottledRequestMaxTimes: 0 }
    const said = []
    do said.push(await outcome(base(photo, options))) // a new minute may begin meanwhile
    while (said.at(-1).value && said.length < 7)
    return said
  }
}

console.log(JSON.stringify(await ways[way]()))
process.exit() // a socket that the client opened elsewhere would keep the process
