// The stack: Kafka, Connect, the schema registry, Cassandra and PostgreSQL as local processes, from stack/lock.json.
export { clean, type DownOptions, down, kill } from './down.ts'
export { StackError, type StackErrorCode } from './errors.ts'
export { defaultFolder, stackFolders } from './folders.ts'
export { type ServerName, serverNames } from './servers/contract.ts'
export { isRunning, type ServerStatus, status } from './status.ts'
export { type StackAddresses, type UpOptions, up } from './up.ts'
