/** Brings what the engines that were asked for need, and says what each of them cannot be asked. */
import type { Engine, EngineName } from './engines.ts'
import { prepareJavaPeer } from './java-peer.ts'
import { prepareMillrace } from './millrace-build.ts'
import type { Workload } from './options.ts'
import { prepareQuixStreamsPeer } from './quix-streams-peer.ts'

const PREPARE: { readonly [name in EngineName]: (say: (line: string) => void) => Promise<Engine> } = {
  millrace: prepareMillrace,
  java: prepareJavaPeer,
  'quix-streams': prepareQuixStreamsPeer,
}

/** One after the other: they say what they fetch and compile. */
export async function prepareEngines(names: readonly EngineName[], say: (line: string) => void): Promise<Engine[]> {
  const engines: Engine[] = []
  for (const name of names) {
    engines.push(await PREPARE[name](say))
  }
  return engines
}

const QUIX_STREAMS_LACKS: { readonly [workload in Workload]?: string } = {
  'async-10ms': 'it has no asynchronous call',
  restore: 'its changelogs and the end of a restore are not to be seen from outside',
}

/** Why an engine has no row of a workload; undefined if it has one. */
export function leftOut(engine: EngineName, workload: Workload, threads: number): string | undefined {
  if (engine !== 'quix-streams') {
    return undefined
  }
  return threads > 1 ? 'one thread is all a process of it has' : QUIX_STREAMS_LACKS[workload]
}
