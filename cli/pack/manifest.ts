// The package.json that is published, made from the one of the workspace: the same names, versions and dependencies;
// entry points lead to the built files, each with its types.

/** What the workspace's package.json says, as far as it matters here. */
export interface WorkspaceManifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly exports: { readonly [entry: string]: string }
  readonly dependencies?: { readonly [name: string]: string }
}

export interface PublishedManifest extends Omit<WorkspaceManifest, 'exports'> {
  readonly type: 'module'
  readonly keywords: readonly string[]
  readonly engines: { readonly node: string }
  readonly exports: { readonly [entry: string]: string | { readonly types: string; readonly default: string } }
  readonly types: string
  readonly bin?: { readonly [command: string]: string }
  readonly files: readonly string[]
  readonly sideEffects: false
}

/** Where the built files lie in the package. */
export const LIBRARY = 'lib'

/**
 * `commands`: name → source file of the package. One build serves `import` and `require`: Node loads ES modules by
 * `require` since 22.12, as long as none of them awaits at its top level.
 */
export function publishedManifest(workspace: WorkspaceManifest, node: string, commands: { readonly [name: string]: string } = {}): PublishedManifest {
  const { name, version, description, license, dependencies = {} } = workspace
  const entries = Object.entries(workspace.exports).map(([entry, source]) => [entry, { types: built(source, '.d.ts'), default: built(source, '.js') }] as const)
  const main = workspace.exports['.']
  if (main === undefined) {
    throw new Error(`the package.json of ${name} has no export '.'`)
  }
  return {
    name,
    version,
    description,
    keywords: ['kafka', 'kafka-streams', 'stream-processing', 'exactly-once', 'rocksdb', 'typescript'],
    license,
    type: 'module',
    engines: { node },
    exports: { ...Object.fromEntries(entries), './package.json': './package.json' },
    types: built(main, '.d.ts'),
    ...(Object.keys(commands).length === 0
      ? {}
      : { bin: Object.fromEntries(Object.entries(commands).map(([command, source]) => [command, built(source, '.js')])) }),
    files: [LIBRARY, 'docs', 'LICENSE', 'NOTICE', 'README.md'],
    sideEffects: false,
    dependencies,
  }
}

function built(source: string, extension: '.js' | '.d.ts'): string {
  const match = /^\.\/(.+)\.ts$/.exec(source)
  if (match === null) {
    throw new Error(`an export must be a source file './….ts', not ${JSON.stringify(source)}`)
  }
  return `./${LIBRARY}/${match[1]}${extension}`
}
