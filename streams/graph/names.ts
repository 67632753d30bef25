import { StreamsError } from '../errors.ts'

/** Kafka's limit for topic names. */
export const TOPIC_NAME_LIMIT = 249

const LEGAL = /^[a-zA-Z0-9._-]+$/

/**
 * Checks a name given by the user (operator, store, application). The same characters as in topic names, because topics,
 * folders and metrics are made from it; nothing else, so a derived name (which contains `/`) can never meet it.
 */
export function checkName(what: string, name: string): string {
  if (typeof name !== 'string' || !LEGAL.test(name) || name === '.' || name === '..' || name.length > TOPIC_NAME_LIMIT) {
    throw new StreamsError(
      'NAME_INVALID',
      `The ${what} name ${JSON.stringify(name)} is not valid: use 1 to ${TOPIC_NAME_LIMIT} of the characters a-z, A-Z, 0-9, '.', '_' and '-', and not '.' or '..'.`
    )
  }
  return name
}

export function checkTopic(topic: string): string {
  return checkName('topic', topic)
}

/** The limit holds for what is made from a name, so it can only be checked when the application id is known. */
export function checkTopicLength(topic: string, madeFrom: string): string {
  if (topic.length > TOPIC_NAME_LIMIT) {
    throw new StreamsError(
      'NAME_INVALID',
      `The topic ${topic} has ${topic.length} characters, Kafka takes ${TOPIC_NAME_LIMIT}: shorten the name ${madeFrom} or the application id.`
    )
  }
  return topic
}

/** A name worth suggesting for an operator that must be named, made from where it stands. */
export function suggestName(path: string, operation: string): string {
  const words = `${path}/${operation}`.replaceAll(/([a-z])([A-Z])/g, '$1-$2').toLowerCase()
  return words
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(-80)
    .replace(/^-+/, '')
}

export function nameRequired(operation: string, path: string, option: string, why: string): StreamsError {
  return new StreamsError(
    'NAME_REQUIRED',
    `${operation} behind '${path}' ${why} and must be named: ${option}: '${suggestName(path, operation)}'. ` +
      'Names become topics and stores; one made from a position would change with the next edit and lose the data behind it.'
  )
}
