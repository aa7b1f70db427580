import { millrace } from "../gen/millrace.js";
import { serviceDefinition } from "./service-definition.ts";

/**
 * StreamService with the generated codecs for both sides. Events are small beside batches of records and are looked at
 * one by one on either side, so that gathering them into the frame would gain nothing.
 */
export const streamService = serviceDefinition(millrace.v1, millrace.v1.StreamService);
