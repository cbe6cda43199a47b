// REST by the official client: `node rest.mjs facts.json`, JSON on stdout. What each function was
// answered, and which functions nobody called.
import { readFile } from 'node:fs/promises'
import { base, group } from '@uploadcare/upload-client'
import * as rest from '@uploadcare/rest-client'

const facts = JSON.parse(await readFile(process.argv[2]))
const photo = await readFile(facts.photo)

const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value))
const called = new Set()
const api = Object.fromEntries(
  Object.entries(rest)
    .filter(([, value]) => typeof value === 'function' && !isClass(value))
    .map(([name, value]) => [
      name,
      (...args) => {
        called.add(name)
        return value(...args)
      }
    ])
)

const settingsOf = (keys) => ({
  apiBaseURL: facts.url,
  authSchema: new rest.UploadcareAuthSchema(keys),
  retryNetworkErrorMaxTimes: 0,
  retryThrottledRequestMaxTimes: 0
})
const own = { publicKey: facts.publicKey, secretKey: facts.secretKey }
const settings = settingsOf(own)
const nobody = settingsOf({ ...own, publicKey: 'nobody' })
const wrong = settingsOf({ ...own, secretKey: 'not-the-secret' })

const unknown = '3f2504e0-4f89-41d3-9a0c-0305e82c3301'
const foreign = facts.foreign

const uploadAs = (keys) => async (fileName, options = {}) => {
  const upload = { publicKey: keys.publicKey, baseURL: facts.url, fileName, ...options }
  return (await base(photo, { contentType: 'image/jpeg', ...upload })).file
}
const upload = uploadAs(own)

// What the caller of the client sees: the value, or the error with what it carries.
const outcome = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => ({
      name: error.name,
      status: error.status,
      message: error.message,
      errors: error.errors,
      isOfClient: api.isRestClientError(error),
      isOfFields: api.isRestClientValidationError(error)
    })
  )
const all = async (promises) => {
  const found = {}
  for (const [name, promise] of Object.entries(promises)) found[name] = await outcome(promise())
  return found
}
const call = (name, options, by = settings) => api[name](options, by)

async function files() {
  const uuid = await upload('Grand harbour.jpg', { store: false, metadata: { album: 'ports' } })
  const said = {
    info: await call('fileInfo', { uuid }),
    withAppdata: await call('fileInfo', { uuid, include: 'appdata' }),
    stored: await call('storeFile', { uuid }),
    storedAgain: await call('storeFile', { uuid })
  }
  const { storedAgain } = said
  return {
    ...said,
    isStoredOnce: storedAgain.datetimeStored === said.stored.datetimeStored,
    deleted: await call('deleteFile', { uuid }),
    known: await call('fileInfo', { uuid }),
    refused: await all({
      unknown: () => call('fileInfo', { uuid: unknown }),
      noUuid: () => call('fileInfo', { uuid: 'nonexistent' }),
      foreign: () => call('fileInfo', { uuid: foreign }),
      storeForeign: () => call('storeFile', { uuid: foreign }),
      deleteForeign: () => call('deleteFile', { uuid: foreign })
    })
  }
}

async function batches() {
  const uuids = [await upload('a.jpg', { store: false }), await upload('b.jpg', { store: false })]
  const asked = [...uuids, uuids[0], foreign, 'x']
  const short = ({ status, problems, result }) => ({
    status,
    problems,
    uuids: result.map((file) => file.uuid).sort(),
    states: result.map((file) => [!!file.datetimeStored, !!file.datetimeRemoved])
  })
  const many = Array.from({ length: 101 }, () => crypto.randomUUID())
  return {
    uuids: uuids.sort(),
    stored: short(await call('storeFiles', { uuids: asked })),
    deleted: short(await call('deleteFiles', { uuids: asked })),
    refused: await all({
      empty: () => call('storeFiles', { uuids: [] }),
      many: () => call('deleteFiles', { uuids: many }),
      noList: () => call('storeFiles', { uuids: { a: 1 } })
    })
  }
}

async function lists() {
  const keys = facts.listed
  const by = settingsOf(keys)
  const uuids = []
  for (const n of [0, 1, 2, 3]) uuids.push(await uploadAs(keys)(`${n}.jpg`, { store: n > 1 }))
  await api.deleteFile({ uuid: uuids[3] }, by)
  const ids = ({ results }) => results.map(({ uuid }) => uuids.indexOf(uuid))
  const list = async (options) => ids(await call('listOfFiles', options, by))
  const pages = []
  for await (const page of api.paginate(rest.listOfFiles)({ limit: 2 }, by)) pages.push(ids(page))
  const newest = { limit: 1, ordering: '-datetime_uploaded' }
  const paginator = new rest.Paginator(rest.listOfFiles, newest, by)
  const walked = []
  for (const step of ['next', 'next', 'next', 'next', 'prev', 'prev', 'prev']) {
    const page = await paginator[step]()
    walked.push(page && ids(page))
  }
  const first = await call('fileInfo', { uuid: uuids[0] }, by)
  const { total, totals, perPage } = await call('listOfFiles', { stored: true, limit: 2 }, by)
  return {
    pages,
    walked,
    removed: await list({ removed: true }),
    unstored: await list({ stored: false }),
    // Dates of JavaScript have milliseconds: one more makes sure that the file itself is before it.
    from: await list({ from: new Date(Date.parse(first.datetimeUploaded) + 1) }),
    counted: { total, totals, perPage },
    refused: await all({
      ordering: () => call('listOfFiles', { ordering: 'colour' }),
      limit: () => call('listOfFiles', { limit: 1001 }),
      stored: () => call('listOfFiles', { stored: 'perhaps' }),
      from: () => call('listOfFiles', { from: 'yesterday' })
    })
  }
}

async function copies() {
  const source = await upload('Grand harbour.jpg')
  const copied = await call('copyFileToLocalStorage', {
    source,
    store: true,
    metadata: { album: 'copies' }
  })
  const resized = await call('copyFileToLocalStorage', { source: `${source}/-/resize/32x/` })
  const remote = { source, target: 'demo' }
  return {
    source,
    copied,
    info: await call('fileInfo', { uuid: copied.result.uuid }),
    resized: await call('fileInfo', { uuid: resized.result.uuid }),
    remote: await call('copyFileToRemoteStorage', { ...remote, makePublic: true }),
    again: await call('copyFileToRemoteStorage', { ...remote, pattern: '${default}' }),
    refused: await all({
      local: () => call('copyFileToLocalStorage', { source: foreign }),
      remote: () => call('copyFileToRemoteStorage', { source: foreign, target: 'demo' }),
      target: () => call('copyFileToRemoteStorage', { ...remote, target: 'nowhere' }),
      pattern: () => call('copyFileToRemoteStorage', { ...remote, pattern: '${colour}' })
    })
  }
}

async function metadata() {
  const uuid = await upload('Grand harbour.jpg', { metadata: { taken_by: 'Zoë' } })
  const key = { uuid, key: 'album' }
  return {
    made: await call('updateMetadata', { ...key, value: 'ports' }),
    changed: await call('updateMetadata', { ...key, value: 'harbours' }),
    one: await call('getMetadataValue', key),
    all: await call('getMetadata', { uuid }),
    deleted: (await call('deleteMetadata', key)) ?? null,
    left: await call('getMetadata', { uuid }),
    refused: await all({
      gone: () => call('getMetadataValue', key),
      badKey: () => call('updateMetadata', { uuid, key: 'no spaces', value: 'x' }),
      longValue: () => call('updateMetadata', { ...key, value: 'x'.repeat(513) }),
      noText: () => call('updateMetadata', { ...key, value: { a: 1 } }),
      get: () => call('getMetadata', { uuid: foreign }),
      set: () => call('updateMetadata', { uuid: foreign, key: 'album', value: 'mine' }),
      remove: () => call('deleteMetadata', { uuid: foreign, key: 'album' })
    })
  }
}

async function groups() {
  const uuids = [await upload('a.jpg'), await upload('b.jpg')]
  const { id } = await group(uuids, { publicKey: facts.publicKey, baseURL: facts.url })
  const listed = await call('listOfGroups', { ordering: '-datetime_created', limit: 1 })
  return {
    id,
    uuids,
    info: await call('groupInfo', { uuid: id }),
    listed,
    deleted: (await call('deleteGroup', { uuid: id })) ?? null,
    refused: await all({
      gone: () => call('groupInfo', { uuid: id }),
      deleteAgain: () => call('deleteGroup', { uuid: id }),
      foreign: () => call('groupInfo', { uuid: facts.foreignGroup }),
      deleteForeign: () => call('deleteGroup', { uuid: facts.foreignGroup }),
      limit: () => call('listOfGroups', { limit: 0 })
    })
  }
}

async function webhooks() {
  const targetUrl = 'https://hooks.example.com/uploads'
  const event = rest.WebhookEvent.FILE_UPLOADED
  const made = await call('createWebhook', { targetUrl, event, signingSecret: '12345X' })
  const { id } = made
  return {
    made,
    listed: await call('listOfWebhooks', {}),
    changed: await call('updateWebhook', { id, event: 'file.deleted', isActive: false }),
    twice: await outcome(call('createWebhook', { targetUrl, event: 'file.deleted' })),
    deleted: (await call('deleteWebhook', { targetUrl })) ?? null,
    left: await call('listOfWebhooks', {}),
    refused: await all({
      gone: () => call('updateWebhook', { id, isActive: true }),
      noTarget: () => call('createWebhook', { event }),
      noUrl: () => call('createWebhook', { targetUrl: 'x', event }),
      noEvent: () => call('createWebhook', { targetUrl, event: 'file.painted' }),
      long: () => call('createWebhook', { targetUrl, event, signingSecret: 'x'.repeat(33) })
    })
  }
}

async function features() {
  const uuid = await upload('Grand harbour.jpg')
  const paths = [`${uuid}/document/-/format/pdf/`]
  const addonName = rest.AddonName.UC_CLAMAV_VIRUS_SCAN
  const scan = { addonName, target: uuid, params: { purge_infected: false } }
  return {
    documents: await all({
      convert: () => call('convert', { type: 'document', paths, store: true, saveInGroup: true }),
      poll: () => call('conversionJobPoller', { type: 'document', paths }),
      info: () => call('conversionInfo', { uuid }),
      status: () => call('conversionJobStatus', { type: 'document', token: 445630631 })
    }),
    videos: await all({
      convert: () => call('convert', { type: 'video', paths, store: 'auto' }),
      poll: () => call('conversionJobPoller', { type: 'video', paths }),
      status: () => call('conversionJobStatus', { type: 'video', token: 445630631 })
    }),
    addons: await all({
      execute: () => call('executeAddon', scan),
      poll: () => call('addonJobPoller', scan)
    }),
    addonStatus: await call('addonExecutionStatus', { addonName, requestId: unknown }),
    addonNoStatus: await outcome(call('addonExecutionStatus', { addonName, requestId: 'x' })),
    notHere: await all({
      getTags: () => call('getTags', { uuid }),
      replaceTags: () => call('replaceTags', { uuid, tags: ['ports'] }),
      updateTags: () => call('updateTags', { uuid, add: ['ports'] }),
      search: () => call('searchFiles', { query: 'harbour' })
    })
  }
}

async function keys() {
  const refused = {}
  for (const [who, by] of Object.entries({ nobody, wrong })) {
    refused[who] = await all({
      list: () => call('listOfFiles', {}, by),
      store: () => call('storeFiles', { uuids: [unknown] }, by),
      hooks: () => call('listOfWebhooks', {}, by),
      convert: () => call('convert', { type: 'document', paths: ['x'] }, by)
    })
  }
  // A caller may sign by itself; the client's own helper makes the same signature.
  const signatureResolver = (text) => api.createSignature(facts.secretKey, text)
  const authSchema = new rest.UploadcareAuthSchema({ publicKey: facts.publicKey, signatureResolver })
  const signed = await call('listOfGroups', { limit: 1 }, { ...settings, authSchema })
  const agent = api.getUserAgent({ libraryName: 'x', libraryVersion: '1' })
  return { refused, signed: signed.perPage, agent }
}

async function throttled() {
  const by = { ...settingsOf(facts.strict), apiBaseURL: facts.strict.url }
  const said = []
  do said.push(await outcome(call('fileInfo', { uuid: unknown }, by)))
  while (said.at(-1).status !== 429 && said.length < 12) // a new minute may begin meanwhile
  return said
}

const parts = { files, batches, lists, copies, metadata, groups, webhooks, features, keys, throttled }
const said = {}
for (const [name, part] of Object.entries(parts)) {
  said[name] = await part().catch(({ message, request }) => ({ failed: message, at: request?.url }))
}
const functions = Object.keys(api)
console.log(JSON.stringify({ ...said, uncalled: functions.filter((name) => !called.has(name)) }))
