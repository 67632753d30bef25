/** Servers that let in only who they know, as production's do: Cassandra with roles and mTLS, doors with TLS or a password before the others. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect, createServer as createSocketServer, type Server } from 'node:net'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { bringComponents } from '../../../stack/components.ts'
import { createFolders, stackFolders } from '../../../stack/folders.ts'
import { readLock } from '../../../stack/lock.ts'
import { choosePorts } from '../../../stack/ports.ts'
import { cassandra } from '../../../stack/servers/cassandra.ts'

const PASSWORD = 'changeit'

export interface Certificate {
  /** PKCS #12 with the key; its password is `PASSWORD`. */
  readonly keystore: string
  readonly pem: string
}

/** A certificate for 127.0.0.1 that signed itself; only who is given it trusts it. */
export async function certificate(folder: string, name: string): Promise<Certificate> {
  const { jre } = await bringComponents(readLock(), () => undefined)
  const keystore = join(folder, `${name}.p12`)
  const keytool = (...args: string[]): string =>
    execFileSync(join(jre, 'bin', 'keytool'), [...args, '-keystore', keystore, '-storetype', 'PKCS12', '-storepass', PASSWORD, '-alias', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  keytool('-genkeypair', '-keyalg', 'EC', '-dname', `CN=${name}`, '-ext', 'san=ip:127.0.0.1', '-validity', '2')
  return { keystore, pem: keytool('-exportcert', '-rfc') }
}

/** A node of the stack's kind, with roles, rights and TLS; it takes clients with a certificate of the authority in `clients` only. */
export async function startCassandra(folder: string, { keystore }: Certificate, clients: string) {
  const folders = stackFolders(folder)
  createFolders(folders)
  const installed = await bringComponents(readLock(), () => undefined)
  const ports = await choosePorts(Object.fromEntries(cassandra.ports.map((name) => [name, 0])), {})
  const database = { user: '', password: '', database: '' }
  const context = { folders, installed, ports, database, plugins: [], signal: new AbortController().signal, say: () => undefined }
  await cassandra.prepare(context)
  const settings = join(folders.data, 'cassandra', 'conf', 'cassandra.yaml')
  const authority = join(folder, 'clients.pem')
  writeFileSync(authority, clients)
  const truststore = join(folder, 'clients.p12')
  execFileSync(join(installed.jre, 'bin', 'keytool'), ['-importcert', '-noprompt', '-file', authority, '-keystore', truststore, '-storetype', 'PKCS12', '-storepass', PASSWORD, '-alias', 'clients'], { stdio: 'ignore' })
  const guarded = {
    authenticator: 'PasswordAuthenticator',
    authorizer: 'CassandraAuthorizer',
    client_encryption_options: {
      enabled: true, optional: false, store_type: 'PKCS12', keystore, keystore_password: PASSWORD, require_client_auth: true, truststore, truststore_password: PASSWORD,
    },
  }
  writeFileSync(settings, JSON.stringify({ ...(JSON.parse(readFileSync(settings, 'utf8')) as object), ...guarded }))
  const { file, args, folder: cwd, env } = await cassandra.command(context)
  const server = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: 'ignore' })
  const ended = once(server, 'exit')
  // a test that throws leaves no server behind
  const kill = (): boolean => server.kill('SIGKILL')
  process.once('exit', kill)
  return {
    contactPoint: `127.0.0.1:${ports['cassandra']}`,
    async stop(): Promise<void> {
      kill()
      await ended
      process.removeListener('exit', kill)
    },
  }
}

/** Before an HTTP server: requests without the right name and password are answered 401. */
export async function basicAuthentication(target: string, username: string, password: string) {
  const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const server = createServer((incoming, outgoing) => {
    if (incoming.headers.authorization !== expected) {
      outgoing.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end('{}')
      return
    }
    const { method = 'GET', url = '/', headers } = incoming
    const onward = request(new URL(url, target), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  const url = new URL(target)
  url.port = String(await listening(server))
  return {
    url: url.href,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/** Before a PostgreSQL server: takes TLS and nothing else. The server's own package knows none. */
export async function postgresqlWithTls({ host, port }: { readonly host: string; readonly port: number }, { keystore }: Certificate) {
  const pfx = readFileSync(keystore)
  const sockets = new Set<{ destroy(): unknown }>()
  const server = createSocketServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('data', (first: Buffer) => {
      if (!first.equals(SSL_REQUEST)) {
        socket.destroy()
        return
      }
      socket.write('S')
      const secure = new TLSSocket(socket, { isServer: true, pfx, passphrase: PASSWORD })
      const onward = connect(port, host)
      sockets.add(onward)
      const end = (): void => {
        secure.destroy()
        onward.destroy()
      }
      for (const side of [secure, onward]) {
        side.on('error', end).on('close', end)
      }
      secure.pipe(onward).pipe(secure)
    })
  })
  return {
    port: await listening(server),
    close: () => {
      for (const socket of sockets) {
        socket.destroy()
      }
      server.close()
    },
  }
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
