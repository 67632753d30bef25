/** `millrace topology diff`: what a deploy would rename, orphan or break, before it runs. */
import { compareTopologies, isHarmful } from '../graph/compare.ts'
import type { Command } from './command.ts'
import { loadDescription, TOPOLOGY_HELP, TOPOLOGY_OPTIONS } from './topology-file.ts'

export const topologyDiff: Command = {
  name: 'topology diff',
  summary: 'what a deploy would rename, orphan or break; exit code 1 if anything',
  usage: 'OLD NEW [--format text|json]',
  help: `OLD and NEW are modules, or descriptions ('millrace describe FILE --format json > topology.json', kept with each release).

  break    the new version refuses to start
  orphan   data stays behind that nobody reads any more
  rename   the same under another name: it begins empty
  change   rolls out by itself, and should be known
  begin    something new

Exit code 0 if nothing is broken, orphaned or renamed, else 1.
  --format json         the changes as a list of { kind, subject, message }
${TOPOLOGY_HELP}`,
  options: { ...TOPOLOGY_OPTIONS, format: { type: 'string' } },
  positionals: [2, 2],
  run: async (args, out) => {
    const settings = { applicationId: args.text('application-id'), settings: args.text('settings') }
    const [old, now] = args.positionals as [string, string]
    // A description has an id of its own; a module is the same application's unless the command says otherwise.
    const before = await loadDescription(old, settings)
    const after = await loadDescription(now, { ...settings, applicationId: settings.applicationId ?? (old.endsWith('.json') ? before.applicationId : undefined) })
    const changes = compareTopologies(before, after)
    if (args.text('format') === 'json') {
      out.line(JSON.stringify(changes, undefined, 2))
    } else {
      out.line(changes.length === 0 ? 'nothing changes that data depends on' : changes.map(({ kind, message }) => `${kind.padEnd(7)} ${message}`).join('\n'))
    }
    return changes.some(isHarmful) ? 1 : 0
  },
}
