/**
 * Imported before anything else, so that its first statement is the first one of the program. From then on SIGUSR1
 * opens no inspector, and one that is open already, or that opens later, ends a process that may hold keys.
 *
 * Node.js takes the signal before it runs any code of a program, and opens the inspector from a thread of its own. One
 * that was sent before this statement may thus open it after it, whenever that thread is scheduled. Node.js tells that
 * by an event, from within the call that opens it, when no client of the inspector has been answered yet.
 * (`NotifyClusterWorkers` in src/inspector_agent.cc)
 */
import { writeSync } from 'node:fs';

process.on('SIGUSR1', () => {});
process.on('internalMessage', (message: unknown) => {
  if (Object(message).cmd === 'NODE_DEBUG_ENABLED') endInspected();
});

/** Commands that hold private keys. Developers may want to look into the others. */
if (['agent', 'citadel', 'demo'].includes(process.argv[2] ?? '') && isInspected()) endInspected();

function isInspected(): boolean {
  // A Node.js that was built without it has no such module.
  return process.features.inspector && process.getBuiltinModule('node:inspector').url() !== undefined;
}

/** Who is inspected can be told to give its keys away; who has asked for it could as well have ended the process. */
function endInspected(): never {
  try {
    writeSync(
      2,
      'sidecert: ERR_CONFIG_INVALID: inspector of Node.js: got an open one (by SIGUSR1, or by --inspect on the command line or in NODE_OPTIONS), expected none in a process that holds private keys\n',
    );
  } finally {
    process.exit(1);
  }
}
