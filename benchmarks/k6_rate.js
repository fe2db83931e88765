// Arrivals at a constant rate; how late each starts goes into a metric, to the millisecond of JavaScript's clock.
import http from "k6/http";
import exec from "k6/execution";
import { Trend } from "k6/metrics";

const rate = Number(__ENV.RATE);
const late = new Trend("late", true);

export const options = {
  discardResponseBodies: true,
  summaryTrendStats: ["med", "p(99)", "max", "count"],
  scenarios: {
    arrivals: {
      executor: "constant-arrival-rate",
      rate,
      timeUnit: "1s",
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: Number(__ENV.STREAMS),
      maxVUs: Number(__ENV.STREAMS),
    },
  },
};

export default function () {
  const due = exec.scenario.startTime + (exec.scenario.iterationInTest * 1000) / rate;
  late.add(Date.now() - due);
  http.post(`${__ENV.URL}/api/generate`, JSON.stringify({ model: "m", prompt: "p", stream: true }));
}
