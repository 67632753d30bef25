import { choosePorts } from '../../stack/ports.ts'

/** A port for each name, out of the range from which outgoing connections get theirs: it is still free when its server starts. */
export function freePorts<Name extends string>(...names: readonly Name[]): Promise<Readonly<Record<Name, number>>> {
  return choosePorts(Object.fromEntries(names.map((name) => [name, 0]))) as Promise<Record<Name, number>>
}
