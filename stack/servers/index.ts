import { cassandra } from './cassandra.ts'
import { connect } from './connect.ts'
import type { Server } from './contract.ts'
import { kafka } from './kafka.ts'
import { postgresql } from './postgresql.ts'
import { registry } from './registry.ts'

/** All servers, in the order in which they are listed. They are started together and need no order. */
export const servers: readonly Server[] = [kafka, registry, connect, cassandra, postgresql]
