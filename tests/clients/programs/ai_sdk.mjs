// Uses the AI SDK with one of its providers as one task asks, and prints what came back as JSON.

import { readFileSync } from "node:fs";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

const TURN_LIMIT = 6;
const sent = [];

function model(name) {
  const options = {
    baseURL: `${process.env.SDK_BASE_URL}/v1`,
    apiKey: process.env.SDK_API_KEY,
    fetch: (url, request) => {
      sent.push(new URL(url).pathname);
      return fetch(url, request);
    },
  };
  if (process.env.SDK_PROVIDER === "anthropic") return createAnthropic(options)(name);
  return createOpenAICompatible({ ...options, name: "compatible", includeUsage: true })(name);
}

function called(request) {
  const content = [{ type: "text", text: request.text }];
  if (request.image) {
    content.unshift({ type: "file", data: request.image, mediaType: "image/png" });
  }
  const tools = {};
  for (const [name, properties] of Object.entries(request.tools ?? {})) {
    tools[name] = tool({
      description: name,
      inputSchema: jsonSchema({ type: "object", properties }),
      execute: async (input) => `${name}: ${JSON.stringify(input)}`,
    });
  }
  return {
    model: model(request.model),
    messages: [{ role: "user", content }],
    tools,
    maxOutputTokens: request.limit ?? 4000,
    stopSequences: request.stop,
    maxRetries: 0,
    stopWhen: stepCountIs(TURN_LIMIT),
    providerOptions: request.thinks
      ? { anthropic: { thinking: { type: "enabled", budgetTokens: 2000 } } }
      : {},
  };
}

function step(each) {
  return {
    content: each.content,
    finishReason: each.finishReason,
    rawFinishReason: each.rawFinishReason,
    usage: each.usage,
    model: each.response.modelId,
    id: each.response.id,
    warnings: each.warnings ?? [],
  };
}

async function turns(task) {
  const request = called(task.request);
  if (!task.stream) return (await generateText(request)).steps.map(step);
  const errors = [];
  const result = streamText({ ...request, onError: ({ error }) => errors.push(error) });
  const texts = [];
  for await (const text of result.textStream) texts.push(text);
  if (errors.length > 0) throw errors[0];
  return (await result.steps).map(step);
}

function failure(error) {
  return {
    name: error.name ?? error.constructor?.name ?? null,
    status: error.statusCode ?? null,
    retryable: error.isRetryable ?? null,
    body: error.data ?? null,
    message: String(error.message ?? error),
  };
}

const task = JSON.parse(readFileSync(0, "utf8"));
let answer;
try {
  answer = await turns(task);
  if (task.task === "error") answer = null;
} catch (error) {
  if (task.task !== "error") throw error;
  answer = failure(error);
}
process.stdout.write(JSON.stringify({ answer, requests: sent }));
