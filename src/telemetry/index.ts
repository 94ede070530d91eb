/**
 * telemetry: what an operator sees of us. The logger interface that every room takes, its JSON sink, the names of
 * the fields, and what is cut out of foreign text.
 */
export { Field, type LogFields } from './fields.js';
export { createJsonLogger, type JsonLoggerOptions } from './json-logger.js';
export { LOG_LEVELS, type Logger, type LogLevel, silentLogger } from './logger.js';
export { redact } from './redact.js';
