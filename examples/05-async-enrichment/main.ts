import { run } from '../run.ts'

await run('profiles', {
  topology: new URL('./topology.ts', import.meta.url),
  topics: { 'sign-ups': 2, profiles: 2, 'profiles-dead-letters': 1 },
  deadLetterTopic: 'profiles-dead-letters',
})
