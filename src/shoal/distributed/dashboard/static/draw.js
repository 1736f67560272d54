// What draws each panel, by the name in its `data-draw`.

import { drawCpu, drawLoop, drawMemoryLine, drawRates } from "./charts.js";
import { drawMemory, drawProcessing, drawProgress } from "./bars.js";
import { drawEvents, drawHoldings, drawKinds, drawTransfers, drawWorkers } from "./tables.js";
import { drawFlame } from "./flame.js";
import { drawGraph } from "./graph.js";
import { drawStream } from "./stream.js";
import { drawAnswers, drawErrors, drawFacts, drawInfo, drawLogs, drawSummary } from "./text.js";

export const DRAW = {
  answers: drawAnswers, cpu: drawCpu, errors: drawErrors, events: drawEvents, facts: drawFacts,
  flame: drawFlame, graph: drawGraph, holdings: drawHoldings, info: drawInfo, kinds: drawKinds,
  logs: drawLogs, loop: drawLoop, memory: drawMemory, memoryline: drawMemoryLine,
  processing: drawProcessing, progress: drawProgress, rates: drawRates, stream: drawStream,
  summary: drawSummary, transfers: drawTransfers, workers: drawWorkers,
};
