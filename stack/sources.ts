// Where files come from: the machine's own settings first, the public registries otherwise.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { StackError } from './errors.ts'
import { mavenPath, wheelProject } from './lock.ts'

const publicMaven = 'https://repo.maven.apache.org/maven2'
const publicPypi = 'https://pypi.org/simple'
/** A pip that hangs on a broken configuration must not hang the set-up. */
const PIP_TIMEOUT_MILLISECONDS = 20_000
/** An index page that never comes must not hang the set-up. */
const INDEX_TIMEOUT_MILLISECONDS = 60_000

/** An address to GET, with the headers it needs. */
export interface Source {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Splits `https://user:password@host/…` into an address that fetch accepts and a header. */
function withoutUserInfo(address: string, user?: string, password?: string): Source {
  const url = new URL(address)
  const name = user ?? decodeURIComponent(url.username)
  const secret = password ?? decodeURIComponent(url.password)
  url.username = ''
  url.password = ''
  const headers: Record<string, string> = name ? { authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}` } : {}
  return { url: url.href.replace(/\/$/, ''), headers }
}

const element = (xml: string, name: string): string | undefined => {
  const text = new RegExp(`<${name}>\\s*([\\s\\S]*?)\\s*</${name}>`).exec(xml)?.[1]
  return text?.replaceAll(/\$\{env\.([^}]+)\}/g, (_, variable: string) => process.env[variable] ?? '')
    .replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
}

/**
 * The mirror of Maven Central that a settings.xml names, with its credentials; undefined if it names none.
 * Passwords encrypted by Maven (`{…}`) cannot be used here: such a mirror is reached through `mvn` itself.
 */
export function mirrorOf(settings: string): Source | undefined {
  const xml = settings.replaceAll(/<!--[\s\S]*?-->/g, '')
  for (const [, mirror = ''] of xml.matchAll(/<mirror>([\s\S]*?)<\/mirror>/g)) {
    const of = (element(mirror, 'mirrorOf') ?? '').split(',').map((part) => part.trim())
    const url = element(mirror, 'url')
    if (!url || of.includes('!central') || !of.some((part) => part === '*' || part === 'central' || part.startsWith('external:*'))) {
      continue
    }
    const id = element(mirror, 'id')
    const server = [...xml.matchAll(/<server>([\s\S]*?)<\/server>/g)].map((match) => match[1] ?? '').find((text) => element(text, 'id') === id)
    return withoutUserInfo(url, server && element(server, 'username'), server && element(server, 'password'))
  }
  return undefined
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The Maven repository: $MILLRACE_MAVEN_REPOSITORY, $MAVEN_REPO_URL, the mirror of ~/.m2/settings.xml, Maven Central. */
export function mavenRepository(env: NodeJS.ProcessEnv = process.env): Source {
  const set = env['MILLRACE_MAVEN_REPOSITORY'] || env['MAVEN_REPO_URL']
  if (set) {
    return withoutUserInfo(set)
  }
  return mirrorOf(readIfThere(join(homedir(), '.m2', 'settings.xml'))) ?? withoutUserInfo(publicMaven)
}

/** The package index (PEP 503): $MILLRACE_PYPI, $PIP_INDEX_URL, pip's own configuration, PyPI. */
export function pythonIndex(env: NodeJS.ProcessEnv = process.env): Source {
  const set = env['MILLRACE_PYPI'] || env['PIP_INDEX_URL']
  if (set) {
    return withoutUserInfo(set)
  }
  for (const pip of ['pip', 'pip3']) {
    const done = spawnSync(pip, ['config', 'get', 'global.index-url'], { encoding: 'utf8', timeout: PIP_TIMEOUT_MILLISECONDS })
    if (done.status === 0 && /^https?:/.test(done.stdout.trim())) {
      return withoutUserInfo(done.stdout.trim())
    }
  }
  return withoutUserInfo(publicPypi)
}

/** The address of a Maven artifact. */
export function mavenSource(coordinates: string, base = mavenRepository()): Source {
  return { url: `${base.url}/${mavenPath(coordinates)}`, headers: base.headers }
}

/** Looks a wheel up in the package index. Throws a StackError if the index does not list it, another error if asking again may help. */
export async function findWheel(wheel: string, base = pythonIndex()): Promise<Source> {
  const page = `${base.url}/${wheelProject(wheel)}/`
  let response: Response
  try {
    response = await fetch(page, { headers: { ...base.headers, accept: 'text/html' }, signal: AbortSignal.timeout(INDEX_TIMEOUT_MILLISECONDS) })
  } catch (cause) {
    throw new Error(`${page} could not be read; set MILLRACE_PYPI to a package index this machine reaches`, { cause })
  }
  if (response.status >= 500) {
    throw new Error(`${page} answered ${response.status}`)
  }
  if (!response.ok) {
    throw new StackError('DOWNLOAD_FAILED', `${page} answered ${response.status}; set MILLRACE_PYPI to a package index this machine reaches`)
  }
  const html = await response.text()
  for (const [, reference = ''] of html.matchAll(/href\s*=\s*["']([^"']+)["']/g)) {
    const url = new URL(reference.replaceAll('&amp;', '&'), response.url)
    url.hash = ''
    if (decodeURIComponent(url.pathname.split('/').at(-1) ?? '') === wheel) {
      return { url: url.href, headers: url.host === new URL(base.url).host ? base.headers : {} }
    }
  }
  throw new StackError('DOWNLOAD_FAILED', `${page} does not list ${wheel}`)
}
