/** Which setting somebody meant: Kafka Streams' names, and slips of the pen. */

/** Kafka Streams' and the clients' names that are ours in more than their spelling. */
const RENAMED: { readonly [name: string]: string } = {
  numstreamthreads: 'threads',
  numstandbyreplicas: 'standbyReplicas',
  compressiontype: 'compression',
  securityprotocol: 'tls',
  deserializationexceptionhandler: 'errors',
  defaultdeserializationexceptionhandler: 'errors',
  processingexceptionhandler: 'errors',
  productionexceptionhandler: 'errors',
  defaultproductionexceptionhandler: 'errors',
  errorsdeadletterqueuetopicname: 'deadLetterTopic',
}

const SLIPS = 2

/** `commit.interval.ms` and `commitIntervalMs` are one name. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** Levenshtein's distance: letters to add, leave out or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
  }
  return row[b.length]!
}

/** Undefined: nothing is near. */
export function settingMeant(unknown: string, known: readonly string[]): string | undefined {
  const name = plain(unknown)
  const renamed = RENAMED[name] ?? (name.startsWith('ssl') ? 'tls' : name.startsWith('sasl') ? 'sasl' : undefined)
  if (renamed !== undefined) {
    return renamed
  }
  const [nearest] = known.map((each) => ({ each, slips: distance(name, plain(each)) })).sort((a, b) => a.slips - b.slips)
  return nearest !== undefined && nearest.slips <= SLIPS ? nearest.each : undefined
}
