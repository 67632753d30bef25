/** What the steps use beside Kafka: made once per stream thread, from the configuration. */
import { type ContentStore, openFolderContentStore } from '../content/index.ts'
import { Registry } from '../avro/index.ts'
import { createReceiver, type Receiver } from '../processors/receive/index.ts'
import { createTextReader, isSecondEngineInstalled, secondEngineFolder, type TextReader } from '../processors/text/index.ts'
import type { ApplicationConfig } from './config.ts'
import { ApplicationError } from './errors.ts'
import { type Models, openModels } from './models.ts'
import { type DocumentSerdes, documentSerdes } from './serdes.ts'
import { registryOptions, registryWarning } from './servers.ts'
import { type Topics, topics } from './topics.ts'

/** Raised whenever a record may come out differently for the same input while the versions of its steps stay: by other rules of EN 16931, for instance. */
export const PIPELINE_VERSION = '2'

export interface Services {
  readonly config: ApplicationConfig
  readonly topics: Topics
  readonly serdes: DocumentSerdes
  readonly reader: TextReader
  readonly receiver: Receiver
  readonly models: Models
  /** Opened with the first document. */
  content(): Promise<ContentStore>
}

/** @throws ApplicationError CONFIG_INVALID the profile `thorough` without its engine */
export function openServices(config: ApplicationConfig): Services {
  const secondEngine = config.ocrEngineDir ?? secondEngineFolder()
  if (config.ocrProfile === 'thorough' && !isSecondEngineInstalled(secondEngine)) {
    throw new ApplicationError('CONFIG_INVALID', `"ocrProfile" is thorough, but there is no second engine in ${secondEngine}: install it with npm run ocr -- install, or set "ocrEngineDir".`)
  }
  const registry = new Registry({ ...registryOptions(config), onRetry: registryWarning })
  const declared = topics(config.topicPrefix)
  const reader = createTextReader({
    parsers: Math.ceil(config.parserWorkers / config.threads),
    recognisers: Math.ceil(config.ocrWorkers / config.threads),
    profile: config.ocrProfile,
    secondEngine,
  })
  let store: Promise<ContentStore> | undefined
  return {
    config,
    topics: declared,
    serdes: documentSerdes(registry, declared),
    reader,
    receiver: createReceiver(reader),
    models: openModels(config),
    content: () => (store ??= openFolderContentStore({ path: config.contentDir })),
  }
}
