/** Compiles a subtopology into the nodes of one task. */
import { AsyncRuntime } from '../async/async-node.ts'
import type { InFlightTable } from '../async/in-flight-table.ts'
import { ParkedKeys } from '../async/parked.ts'
import { StreamsError } from '../errors.ts'
import type { Subtopology } from '../graph/topology.ts'
import { LatencyHistogram } from '../metrics/latency-histogram.ts'
import type { TaskConfig } from './contract.ts'
import type { TaskCore } from './core.ts'
import type { RuntimeNode } from './processor-node.ts'
import { ProcessorRuntime, SinkRuntime, SourceRuntime } from './processor-node.ts'

const DEFAULT_PARKED_MAX_RECORDS = 100_000
const DEFAULT_PARKED_MAX_BYTES = 1024 * 1024 * 1024

export interface TaskGraph {
  readonly nodes: ReadonlyMap<string, RuntimeNode>
  readonly processors: readonly ProcessorRuntime[]
  readonly operators: readonly AsyncRuntime[]
  readonly sourceOf: ReadonlyMap<string, SourceRuntime>
}

export function compile(
  core: TaskCore,
  subtopology: Subtopology,
  config: TaskConfig,
  table: InFlightTable,
  changelogs: ReadonlyMap<string, { readonly topic: string }>,
): TaskGraph {
  const parkedMaxRecords = config.parkedMaxRecords ?? DEFAULT_PARKED_MAX_RECORDS
  const parkedMaxBytes = config.parkedMaxBytes ?? DEFAULT_PARKED_MAX_BYTES
  const nodes = new Map<string, RuntimeNode>()
  const processors: ProcessorRuntime[] = []
  const operators: AsyncRuntime[] = []
  const sourceOf = new Map<string, SourceRuntime>()
  for (const node of subtopology.nodes.values()) {
    if (node.kind === 'source') {
      const source = new SourceRuntime(core, node)
      nodes.set(node.name, source)
      for (const topic of node.topics) {
        sourceOf.set(topic, source)
      }
    } else if (node.kind === 'processor') {
      const processor = new ProcessorRuntime(core, node)
      nodes.set(node.name, processor)
      processors.push(processor)
    } else if (node.kind === 'async') {
      const parked = new ParkedKeys(node.operator.order === 'key', parkedMaxRecords, parkedMaxBytes)
      const operator = new AsyncRuntime(core, node, table, changelogs.get(node.inFlightStore)!.topic, parked)
      nodes.set(node.name, operator)
      operators.push(operator)
    } else {
      nodes.set(node.name, new SinkRuntime(core, node))
    }
  }
  for (const node of subtopology.nodes.values()) {
    nodes.get(node.name)!.children = node.children.map((name) => {
      const child = nodes.get(name)
      if (child === undefined) {
        throw new StreamsError('TOPOLOGY_INVALID', `${node.name} has a child '${name}' that is not in subtopology ${subtopology.name}.`)
      }
      return child
    })
  }
  for (const [index, node] of [...nodes.values()].entries()) {
    node.index = index
    if (node.children.length === 0 || node instanceof SourceRuntime || node instanceof AsyncRuntime) {
      node.latency = new LatencyHistogram()
    }
  }
  for (const operator of operators) {
    const topics = [...sourceOf].filter(([, source]) => reachable(source).has(operator)).map(([topic]) => topic)
    table.add(operator, topics)
    for (const below of reachable(operator)) {
      if (below !== operator) {
        below.holds = [...below.holds, operator]
      }
    }
  }
  return { nodes, processors, operators, sourceOf }
}

function reachable(from: RuntimeNode): ReadonlySet<RuntimeNode> {
  const seen = new Set<RuntimeNode>([from])
  for (const node of seen) {
    for (const child of node.children) {
      seen.add(child)
    }
  }
  return seen
}
