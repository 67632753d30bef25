import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from '../process.ts'
import type { ServerContext } from './contract.ts'

export interface JavaProgram {
  /** Names its archive of classes. */
  readonly name: string
  readonly folder: string
  readonly flags: readonly string[]
  /** Undefined for a program started with -jar. */
  readonly classPath?: string
  /** Main class (or -jar and its file) and arguments. */
  readonly main: readonly string[]
}

/** A Java program on the stack's own runtime. Settings of the user's shell for other Java programs stay out of it. */
export function javaCommand(context: ServerContext, program: JavaProgram): Command {
  const classes = program.classPath === undefined ? [] : ['-cp', program.classPath]
  return {
    file: join(context.installed.jre, 'bin', 'java'),
    args: ['-Xshare:auto', ...program.flags, ...classes, ...program.main],
    folder: program.folder,
    // file names on a share are bytes: without a UTF-8 locale Java garbles all but ASCII ones
    env: { LC_ALL: 'C.UTF-8', JAVA_TOOL_OPTIONS: undefined, JDK_JAVA_OPTIONS: undefined, CLASSPATH: undefined }
  }
}

/** Log4j's settings of Kafka's programs: warnings, and information of the loggers named. */
export async function writeLogging(folder: string, loggers: readonly string[]): Promise<void> {
  const named = loggers.map((name, at) => `logger.l${at}.name=${name}\nlogger.l${at}.level=INFO\n`)
  await writeFile(join(folder, 'log4j2.properties'), `status=WARN
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.c.ref=C
${named.join('')}`)
}
