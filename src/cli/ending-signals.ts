/**
 * The signals that end a process by default, may be caught, and tell of no fault of its code: each of them ends a
 * command with its clean-up. A second one ends it at once. SIGHUP is what a closed terminal sends, SIGQUIT would leave
 * a core file. (signal(7))
 */
export const ENDING_SIGNALS = [
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGXCPU',
  'SIGIO',
  'SIGPWR',
  'SIGSTKFLT',
] as const satisfies readonly NodeJS.Signals[];
