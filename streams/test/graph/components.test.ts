import fc from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import { type Processor, Serdes, Stores, TopologyBuilder } from '../../index.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }
const processor = (): Processor<string, string> => ({ process() {} })

/** A random graph: sources, then processors with parents among all before them, then stores shared by some of these. */
const graphs = fc.integer({ min: 1, max: 5 }).chain((sources) =>
  fc.record({
    sources: fc.constant(sources),
    parents: fc.array(fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 }),
    stores: fc.array(fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), { maxLength: 4 }),
  })
)

t.test('a subtopology is exactly what edges and shared stores connect', async () => {
  fc.assert(
    fc.property(graphs, ({ sources, parents, stores }) => {
      const builder = new TopologyBuilder()
      const names: string[] = []
      const edges: [string, string][] = []
      for (let i = 0; i < sources; i++) {
        names.push(`s${i}`)
        builder.addSource(`s${i}`, `topic${i}`, strings)
      }
      parents.forEach((choices, i) => {
        const chosen = [...new Set(choices.map((choice) => names[choice % names.length]!))]
        builder.addProcessor(`p${i}`, processor, chosen)
        edges.push(...chosen.map((parent): [string, string] => [parent, `p${i}`]))
        names.push(`p${i}`)
      })
      stores.forEach((choices, i) => {
        const users = [...new Set(choices.map((choice) => `p${choice % parents.length}`))]
        builder.addStateStore(Stores.keyValueStore(`store${i}`, strings), ...users)
        edges.push(...users.map((user): [string, string] => [users[0]!, user]))
      })
      const topology = builder.build({ applicationId: 'app' })

      const reachable = (from: string): string[] => {
        const found = new Set([from])
        for (let grew = true; grew; ) {
          grew = false
          for (const [a, b] of edges) {
            if (found.has(a) !== found.has(b)) {
              found.add(a).add(b)
              grew = true
            }
          }
        }
        return [...found].sort()
      }
      const groupOf = new Map(
        topology.subtopologies.flatMap((subtopology) =>
          [...subtopology.nodes.keys()].map((name) => [name, [...subtopology.nodes.keys()].sort()])
        )
      )
      return names.every((name) => JSON.stringify(groupOf.get(name)) === JSON.stringify(reachable(name)))
    })
  )
})

t.test('numbers follow the sources, names their topics, and no two are equal', async () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 1, maxLength: 8 }), (topics) => {
      const builder = new TopologyBuilder()
      for (const topic of topics) {
        builder.addSource(`read-${topic}`, topic, strings)
      }
      const { subtopologies } = builder.build({ applicationId: 'app' })
      return subtopologies.every(({ name, index }) => name === topics[index]) && subtopologies.length === topics.length
    })
  )
})
