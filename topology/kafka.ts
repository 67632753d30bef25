import type { StreamsConfig } from 'millrace'
import type { KafkaClientOptions } from 'millrace/kafka'
import { type ApplicationConfig, readSecret, type TlsFiles } from './config.ts'

/** How to reach the brokers, secrets read from their files. @throws ApplicationError CONFIG_UNREADABLE */
export function kafkaClientOptions({ kafka }: Pick<ApplicationConfig, 'kafka'>): Omit<KafkaClientOptions, 'clientId'> {
  const { bootstrapServers, tls, sasl } = kafka
  return {
    bootstrapServers,
    ...(tls === undefined ? {} : { tls: pemFiles(tls) }),
    ...(sasl === undefined ? {} : { sasl: { mechanism: sasl.mechanism, username: sasl.username, password: readSecret(sasl.passwordFile) } }),
  }
}

/** The connections between instances, secrets read from their files. @throws ApplicationError CONFIG_UNREADABLE */
export function peersOptions({ peers }: Pick<ApplicationConfig, 'peers'>): NonNullable<StreamsConfig['peers']> {
  if (peers === undefined) {
    return {}
  }
  const { listen, advertised, secretFile, tls } = peers
  return {
    listen,
    ...(advertised === undefined ? {} : { advertised }),
    ...(secretFile === undefined ? {} : { secret: readSecret(secretFile) }),
    ...(tls === undefined ? {} : { tls: { ca: readSecret(tls.caFile), cert: readSecret(tls.certFile), key: readSecret(tls.keyFile) } }),
  }
}

/** @throws ApplicationError CONFIG_UNREADABLE */
export function pemFiles(files: TlsFiles): { ca?: string; cert?: string; key?: string } {
  return {
    ...(files.caFile === undefined ? {} : { ca: readSecret(files.caFile) }),
    ...(files.certFile === undefined ? {} : { cert: readSecret(files.certFile) }),
    ...(files.keyFile === undefined ? {} : { key: readSecret(files.keyFile) }),
  }
}
