/** Where an instance listens for the others. */
import { hostname } from 'node:os'

export interface Endpoint {
  readonly host: string
  readonly port: number
  /** Only processes of this machine reach it there: an address of the loopback. */
  readonly machine?: string
}

/** `host:port`, `[v6]:port`. Undefined when it is neither. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  return host !== undefined && port >= 0 && port <= 65_535 ? { host, port } : undefined
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

export function endpointAt(host: string, port: number): Endpoint {
  return isLoopback(host) ? { host, port, machine: hostname() } : { host, port }
}

/** False for a loopback address of another machine, where somebody else would answer. */
export function isReachable({ machine }: Endpoint): boolean {
  return machine === undefined || machine === hostname()
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.host === b.host && a.port === b.port && a.machine === b.machine
}
