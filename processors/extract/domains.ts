import type { Layout, Run } from './layout.ts'
import { plainText } from './layout.ts'

const address = /(?:(?<mail>@)|https?:\/\/|(?<![\p{L}\d.-])www\.)(?<host>[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4})/giu
/** Where anybody may have a mailbox: says nothing of whose it is. */
const mailboxes = new Set([
  'gmail', 'googlemail', 'outlook', 'hotmail', 'live', 'msn', 'yahoo', 'icloud', 'me', 'mac', 'aol', 'gmx', 'web', 'mail', 'proton', 'protonmail', 't-online', 'orange', 'wanadoo',
  'free', 'laposte', 'libero', 'telenet', 'skynet', 'ziggo', 'kpnmail', 'btinternet', 'example',
])
/** `co.uk`, `com.au`: the name stands one further to the left. */
const secondLevel = new Set(['co', 'com', 'org', 'net', 'ac', 'gov', 'or', 'ne'])
const minName = 4

/** What a page's web and mail addresses are called, without blanks: a sender prints its own. */
export function domainNames(layout: Layout, others: ReadonlySet<Run['box']>): ReadonlySet<string> {
  const names = new Set<string>()
  for (const run of layout.rows.flatMap((row) => row.runs)) {
    if (others.has(run.box) || !/@|www\.|:\/\//i.test(run.text)) {
      continue
    }
    for (const { groups } of run.text.matchAll(address)) {
      const parts = groups!['host']!.toLowerCase().split('.')
      const at = parts.length > 2 && secondLevel.has(parts.at(-2)!) && parts.at(-1)!.length === 2 ? -3 : -2
      const name = parts.at(at)!
      if (name.length >= minName && (groups!['mail'] === undefined || !mailboxes.has(name))) {
        names.add(name.replaceAll('-', ''))
      }
    }
  }
  return names
}

/** Does a line say the name of one of the addresses, and not much else? */
export function saysName(text: string, names: ReadonlySet<string>): boolean {
  const letters = plainText(text).replaceAll(' ', '')
  for (const name of names) {
    if ((letters.includes(name) && 2 * name.length >= letters.length) || (letters.length >= minName && name.startsWith(letters) && 1.6 * letters.length >= name.length)) {
      return true
    }
  }
  return false
}
