/** The packages as somebody gets them: built, packed, and installed into an empty project. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Packed, pack } from '../../cli/pack/build.ts'

const execute = promisify(execFile)
export const checkout = join(import.meta.dirname, '..', '..')

export interface Project {
  readonly folder: string
  readonly packed: readonly Packed[]
}

/** Packs into `folder/packed` and installs the tarballs, and what they name, into `folder/project`. Install scripts stay off. */
export async function installedProject(folder: string): Promise<Project> {
  const packed = await pack(join(folder, 'packed'), () => {})
  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', version: '1.0.0', private: true, type: 'module' }))
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...packed.map(({ file }) => file)], project)
  cpSync(join(import.meta.dirname, 'consumer'), project, { recursive: true })
  return { folder: project, packed }
}

/** The names in the project's node_modules, scopes included. */
export function installedNames(project: Project): string[] {
  const lock = JSON.parse(readFileSync(join(project.folder, 'node_modules', '.package-lock.json'), 'utf8')) as { packages: object }
  return Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, ''))
}

/** Standard output of a program; its errors in the message if it fails. */
export async function run(file: string, args: readonly string[], folder: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  try {
    const { stdout } = await execute(file, [...args], { cwd: folder, env: { ...process.env, ...env }, maxBuffer: 16 * 1024 * 1024 })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${[file, ...args].join(' ')} failed\n${stderr}${stdout}`, { cause: error })
  }
}

/** Arguments that start a script on the oldest Node.js the packages promise (test/package/node-22.json). */
function onNode22(script: string, args: readonly string[]): string[] {
  return [join(checkout, 'launch.js'), '--node', join(import.meta.dirname, 'node-22.json'), script, ...args]
}

export function runOnNode22(script: string, args: readonly string[], project: Project): Promise<string> {
  return run(process.execPath, onNode22(join(project.folder, script), args), project.folder)
}

/** The same for a script that goes on until it is told to stop. */
export function startOnNode22(script: string, args: readonly string[], project: Project): ChildProcess {
  return spawn(process.execPath, onNode22(join(project.folder, script), args), { cwd: project.folder, stdio: ['ignore', 'pipe', 'inherit'] })
}
