import type { KafkaClientOptions } from 'millrace/kafka'
import { type ApplicationConfig, readSecret } from './config.ts'

/** How to reach the brokers, secrets read from their files. @throws ApplicationError CONFIG_UNREADABLE */
export function kafkaClientOptions({ kafka }: Pick<ApplicationConfig, 'kafka'>): Omit<KafkaClientOptions, 'clientId'> {
  const { bootstrapServers, tls, sasl } = kafka
  return {
    bootstrapServers,
    ...(tls === undefined ? {} : { tls: pemFiles(tls) }),
    ...(sasl === undefined ? {} : { sasl: { mechanism: sasl.mechanism, username: sasl.username, password: readSecret(sasl.passwordFile) } }),
  }
}

function pemFiles(files: NonNullable<ApplicationConfig['kafka']['tls']>): { ca?: string; cert?: string; key?: string } {
  return {
    ...(files.caFile === undefined ? {} : { ca: readSecret(files.caFile) }),
    ...(files.certFile === undefined ? {} : { cert: readSecret(files.certFile) }),
    ...(files.keyFile === undefined ? {} : { key: readSecret(files.keyFile) }),
  }
}
