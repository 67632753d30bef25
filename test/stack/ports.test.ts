import { createServer, type Server } from 'node:net'
import t from 'tap'
import { choosePorts, isFree } from '../../stack/ports.ts'

function occupy(): Promise<{ server: Server; port: number }> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve({ server, port: (server.address() as { port: number }).port }))
  })
}

t.test('a busy port is not chosen, the last one comes before the preferred one', async (t) => {
  const { server, port } = await occupy()
  t.teardown(() => server.close())
  t.equal(await isFree(port), false)
  const first = await choosePorts({ a: port, b: 0 })
  t.not(first['a'], port)
  t.equal(await isFree(first['a'] ?? 0), true)
  t.not(first['a'], first['b'])
  t.same(await choosePorts({ a: port, b: 0 }, first), first, 'the ports of last time again')
})

t.test('two names never get one port', async (t) => {
  const { a = 0 } = await choosePorts({ a: 0 })
  const chosen = await choosePorts({ x: a, y: a, z: a })
  t.equal(new Set(Object.values(chosen)).size, 3)
  t.equal(chosen['x'], a)
})
