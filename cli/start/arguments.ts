import { parseArgs } from 'node:util'

export interface StartArguments {
  readonly once: boolean
  /** The user's own files instead of the samples. */
  readonly documents: string | undefined
  /** Owner of `documents`; otherwise each sub-folder is a tenant. */
  readonly tenant: string | undefined
  readonly json: string | undefined
  readonly help: boolean
}

export const HELP = `npm start [-- OPTIONS]
Starts the servers, the topology and the API, takes in sample documents and shows what becomes of them.

  --once             wait until both databases hold every result, print the table, stop everything, exit 0;
                     exit 1 if anything does not add up
  --documents DIR    take these files instead of the samples; each sub-folder is a tenant
  --tenant NAME      they all belong to this tenant
  --json FILE        write the table of this run as JSON
  --help             this text
`

/** @throws Error that names the option and the fix */
export function parseStartArguments(argv: readonly string[]): StartArguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      once: { type: 'boolean', default: false },
      documents: { type: 'string' },
      tenant: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.tenant !== undefined && values.documents === undefined) {
    throw new Error('--tenant says whose --documents they are: give --documents DIR too.')
  }
  return { once: values.once, documents: values.documents, tenant: values.tenant, json: values.json, help: values.help }
}
