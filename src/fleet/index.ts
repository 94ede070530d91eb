/**
 * fleet: thousands of fake Envoys against any SDS socket, from one process, cheap enough not to be the bottleneck: gRPC
 * calls over Unix sockets (`calls/`, `sockets/`), the few fields of SDS (`xds/`), the Envoys (`envoys/`), what they
 * got held to what it should be (`checks/`), and what is made of it (`measure/`, `report/`).
 */
export { FleetDisplay } from './display.js';
export type { FleetObserver, FleetOptions, FleetState, Misbehaviour } from './fleet-options.js';
export type { FleetReport, RotationReport } from './report/fleet-report.js';
export { textReport } from './report/text-report.js';
export { type FleetDependencies, type FleetRun, runFleet, writeReports } from './run-fleet.js';
