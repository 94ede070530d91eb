/**
 * `sidecert health` alone: a probe starts it every few seconds, and the options of all other commands would be most
 * of what it loads.
 */
import './debug-signal.js';
import { HEALTH_COMMAND } from '../config/index.js';
import { begin } from './begin.js';
import { runHealth } from './health-command.js';
import { configSources } from './process.js';
import { runCommand } from './run-command.js';

begin(([, ...args]) => runCommand('health', HEALTH_COMMAND, configSources(args), runHealth));
