// The checks that are programs of their own: types, lint, and the tests of the Java plugins.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from './report.ts'

interface Ended {
  readonly code: number | string
  readonly output: string
}

function run(file: string, args: readonly string[], folder: string): Promise<Ended> {
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(file, [...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-50_000)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (error) => resolve({ code: error.message, output }))
    child.on('close', (code, signal) => resolve({ code: code ?? signal ?? 'unknown', output }))
  })
}

async function check(name: string, file: string, args: readonly string[], folder: string): Promise<Outcome> {
  const begin = performance.now()
  const { code, output } = await run(file, args, folder)
  return {
    name,
    passed: code === 0 ? 1 : 0,
    failures: code === 0 ? [] : [`${file} ${args.join(' ')} ended with ${code}\n${output}`],
    seconds: (performance.now() - begin) / 1000
  }
}

/** tsc --noEmit over the whole tree. */
export function checkTypes(checkout: string): Promise<Outcome> {
  return check('types (tsc --noEmit)', join(checkout, 'node_modules', '.bin', 'tsc'), ['--noEmit'], checkout)
}

/** biome lint over the whole tree. */
export function checkLint(checkout: string): Promise<Outcome> {
  return check('lint (biome lint)', join(checkout, 'node_modules', '.bin', 'biome'), ['lint', '--error-on-warnings', '.'], checkout)
}

/** Maven projects of the Connect plugins: the parent alone if there is one. */
export function mavenProjects(checkout: string): string[] {
  const root = join(checkout, 'connectors', 'plugins')
  if (existsSync(join(root, 'pom.xml'))) {
    return [root]
  }
  if (!existsSync(root)) {
    return []
  }
  return readdirSync(root).map((name) => join(root, name)).filter((folder) => existsSync(join(folder, 'pom.xml'))).sort()
}

/** Why Maven's tests cannot run on this machine; undefined if they can. */
export async function mavenMissing(): Promise<string | undefined> {
  for (const [file, args] of [['javac', ['-version']], ['mvn', ['-version']]] as const) {
    if ((await run(file, args, '.')).code !== 0) {
      return `there is no working ${file} on this machine`
    }
  }
  return undefined
}

/** `mvn test` of one project; counts are those of its surefire reports. */
export async function checkMaven(checkout: string, folder: string): Promise<Outcome> {
  const name = `mvn test in ${folder.slice(checkout.length + 1)}`
  const begin = performance.now()
  const { code, output } = await run('mvn', ['-q', '-B', '-ntp', 'test'], folder)
  const reports = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /surefire-reports$/.test(entry.parentPath) && /^TEST-.*\.xml$/.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
  const count = (attribute: string): number =>
    reports.reduce((sum, xml) => sum + Number(new RegExp(`<testsuite[^>]*\\b${attribute}="(\\d+)"`).exec(xml)?.[1] ?? 0), 0)
  const bad = count('failures') + count('errors') + count('skipped')
  const passed = count('tests') - bad
  const failures = code === 0 && bad === 0 && passed > 0 ? [] : [`mvn ended with ${code}: ${passed} passed, ${bad} failed or skipped\n${output}`]
  return { name, passed, failures, seconds: (performance.now() - begin) / 1000 }
}
