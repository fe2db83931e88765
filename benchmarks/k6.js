// One request per virtual user, its body read to the end and thrown away: k6 takes no token times.
import http from "k6/http";

export const options = {
  discardResponseBodies: true,
  scenarios: {
    streams: {
      executor: "per-vu-iterations",
      vus: Number(__ENV.STREAMS),
      iterations: 1,
      maxDuration: "5m",
    },
  },
};

export default function () {
  const options = { num_predict: Number(__ENV.TOKENS) };
  http.post(
    `${__ENV.URL}/api/generate`,
    JSON.stringify({ model: "m", prompt: "p", stream: true, options }),
    { timeout: "300s" },
  );
}
