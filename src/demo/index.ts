/**
 * demo: plays the classic task on one machine. `plan.ts` decides who is there, `demo-cluster.ts` starts them,
 * `story.ts` shows what they can do, `checks/` judges it. The end-to-end tests play with the same cluster.
 */
export { type DemoOptions, runDemo } from './demo.js';
