// Loaded before a client (`node --import`): names other than this machine's lead nowhere, and are
// kept, so that a test sees whom a client asked for. The official one asks for Pusher at every URL.
import dns from 'node:dns'

const lookup = dns.lookup
globalThis.otherHosts = new Set()

dns.lookup = (host, ...rest) => {
  if (host === 'localhost') return lookup(host, ...rest)
  globalThis.otherHosts.add(host)
  const error = Object.assign(new Error(`Not on this machine: ${host}`), { code: 'ENOTFOUND' })
  process.nextTick(rest.at(-1), error)
}
