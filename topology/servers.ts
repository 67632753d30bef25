/** How to reach the servers beside Kafka, secrets and certificates read from their files. */
import { AvroError, type RegistryOptions } from '../avro/index.ts'
import type { CassandraAddress, PostgresqlAddress } from '../connectors/index.ts'
import { type ApplicationConfig, type ArchiveConfig, type DatabaseConfig, readSecret } from './config.ts'
import { pemFiles } from './kafka.ts'
import { warn } from './log.ts'

/** @throws ApplicationError CONFIG_UNREADABLE */
export function registryOptions({ registry, registryAuth }: Pick<ApplicationConfig, 'registry' | 'registryAuth'>): RegistryOptions {
  return { url: registry, ...(registryAuth === undefined ? {} : { credentials: { username: registryAuth.username, password: readSecret(registryAuth.passwordFile) } }) }
}

/** Says of every failed attempt: records are held back meanwhile, which must be seen. What another than ourselves says of it may quote an address. */
export const registryWarning: NonNullable<RegistryOptions['onRetry']> = ({ operation, attempt, error }) =>
  warn(`schema registry: ${operation} failed (attempt ${attempt})${error instanceof AvroError ? `: ${error.message}` : ''}`)

/** Whose password is read is said where it is used. @throws ApplicationError CONFIG_UNREADABLE */
export function postgresqlAddress({ host, port, database, tls }: DatabaseConfig): PostgresqlAddress {
  return { host, port, database, ...(tls === undefined ? {} : { tls: pemFiles(tls) }) }
}

/** With the instance's own user, if it has one. @throws ApplicationError CONFIG_UNREADABLE */
export function cassandraAddress({ contactPoint, localDataCenter, keyspace, username, passwordFile, tls }: ArchiveConfig): CassandraAddress {
  return {
    contactPoints: [contactPoint],
    datacenter: localDataCenter,
    keyspace,
    ...(username === undefined || passwordFile === undefined ? {} : { credentials: { username, password: readSecret(passwordFile) } }),
    ...(tls === undefined ? {} : { tls: pemFiles(tls) }),
  }
}
