import { run } from '../run.ts'

await run('error-report', { topology: new URL('./topology.ts', import.meta.url), topics: { requests: 2, 'error-report': 1, 'late-requests': 1 } })
