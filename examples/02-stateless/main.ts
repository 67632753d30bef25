import { run } from '../run.ts'

await run('sensors', { topology: new URL('./topology.ts', import.meta.url), topics: { readings: 2, alarms: 1, temperatures: 2 } })
