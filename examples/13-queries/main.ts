import { QueryServer } from 'millrace'
import { run } from '../run.ts'

const app = await run('stock', { topology: new URL('./topology.ts', import.meta.url), topics: { movements: 2, 'stock-levels': 2 } })
// Of the loopback: who opens it to the network decides in `authorize` who may see which article.
const server = await QueryServer.open(app, { listen: `127.0.0.1:${process.env['PORT'] ?? 0}` })
app.onStateChange((state) => {
  if (state === 'NOT_RUNNING' || state === 'ERROR') {
    server.close()
  }
})
console.log(`${server.url}/stores/stock`)
