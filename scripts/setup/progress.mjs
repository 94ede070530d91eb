/** Frames of the spinner; one turn takes a little less than a second. */
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 90;

/**
 * Says which step runs and how long each took: a spinner with seconds on a terminal, two plain lines per step elsewhere.
 * A step that turns out to have nothing to do leaves no line.
 */
export function createProgress({ stream = process.stdout } = {}) {
  const isTerminal = stream.isTTY === true;
  const say = (line) => stream.write(`${line}\n`);

  /** Runs `work` under the title `title`; its result is the step's result, its error is passed on after a line of its own. */
  async function step(title, work) {
    const startedMs = Date.now();
    const seconds = () => ((Date.now() - startedMs) / 1000).toFixed(1);
    let frame = 0;
    const draw = () => stream.write(`\r\x1b[K${FRAMES[frame++ % FRAMES.length]} ${title} (${seconds()} s)`);
    const timer = isTerminal ? setInterval(draw, FRAME_MS) : undefined;
    if (!isTerminal) say(`set-up: ${title} ...`);
    try {
      const result = await work();
      clear();
      say(isTerminal ? `✔ ${title} (${seconds()} s)` : `set-up: ${title}: done in ${seconds()} s`);
      return result;
    } catch (error) {
      clear();
      say(isTerminal ? `✖ ${title} (${seconds()} s)` : `set-up: ${title}: failed after ${seconds()} s`);
      throw error;
    }
    function clear() {
      clearInterval(timer);
      if (isTerminal) stream.write('\r\x1b[K');
    }
  }

  return { say, step };
}
