import { registerHooks } from 'node:module'
import t from 'tap'
import { leveldbEngine, rocksdbEngine, StateDirectory } from '../index.ts'

t.test('an engine whose package is missing names it and the way out', async (t) => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier === '@nxtedition/rocksdb' || specifier === 'classic-level') {
        throw new Error(`no native build was found for ${specifier}`)
      }
      return next(specifier, context)
    },
  })
  t.teardown(() => {
    hooks.deregister()
  })
  const unavailable = (name: string) => ({
    code: 'ENGINE_UNAVAILABLE',
    message: new RegExp(`${name}.*${process.platform}.*no native build.*npm install ${name}.*another engine`),
    cause: { message: /no native build/ },
  })
  await t.rejects(rocksdbEngine.open(t.testdirName), unavailable('@nxtedition/rocksdb'))
  await t.rejects(leveldbEngine.open(t.testdirName), unavailable('classic-level'))
  await t.rejects(StateDirectory.open(t.testdir()), unavailable('classic-level'))
})
