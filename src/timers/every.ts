/** Calls `act` again and again until the function it returns is called. */
export type Every = (periodMs: number, act: () => void) => () => void;

/** By the timers of Node.js, without keeping the process alive. */
export const everyUnreferenced: Every = (periodMs, act) => {
  const timer = setInterval(act, periodMs).unref();
  return () => clearInterval(timer);
};
