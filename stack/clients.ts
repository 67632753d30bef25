// The second way to a file: the machine's own Maven and pip, with whatever their configuration knows.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseMaven } from './lock.ts'
import { runToEnd } from './process.ts'

/** Copies artifacts into a folder with one run of Maven. Does nothing if Maven is missing or fails: the caller looks what came. */
export async function downloadWithMaven(coordinates: readonly string[], folder: string): Promise<void> {
  if (coordinates.length === 0) {
    return
  }
  const items = coordinates.map(parseMaven).map(({ group, artifact, version, type, classifier }) =>
    `<artifactItem><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version><type>${type}</type>${
      classifier ? `<classifier>${classifier}</classifier>` : ''}</artifactItem>`)
  const project = join(folder, 'project')
  await mkdir(project)
  await writeFile(join(project, 'pom.xml'), `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>millrace</groupId><artifactId>download</artifactId><version>1</version><packaging>pom</packaging>
<build><plugins><plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><configuration>
<outputDirectory>${folder}</outputDirectory><artifactItems>${items.join('')}</artifactItems></configuration></plugin></plugins></build></project>`)
  await attempt('mvn', ['-q', '-B', 'dependency:copy'], project)
}

/** Downloads one wheel with pip. Does nothing if pip is missing or fails. */
export async function downloadWithPip(wheel: string, folder: string): Promise<void> {
  const [project, version, python = '', abi = '', platforms = ''] = wheel.replace(/\.whl$/, '').split('-')
  const tags = python.startsWith('cp') ? ['--python-version', python.slice(2), '--implementation', 'cp', '--abi', abi] : []
  const platform = platforms.split('.').flatMap((name) => ['--platform', name])
  const args = ['download', '--no-deps', '--only-binary=:all:', ...tags, ...platform, '--dest', folder, `${project}==${version}`]
  if (!(await attempt('pip', args, folder))) {
    await attempt('pip3', args, folder)
  }
}

async function attempt(file: string, args: readonly string[], folder: string): Promise<boolean> {
  try {
    await runToEnd({ file, args, folder }, file)
    return true
  } catch {
    return false
  }
}
