// Package chaos holds tests only. A seed makes a world: the sandbox, some
// declarations and a script of disturbances. The product's stages run in it in
// simulated time, over connections in memory, and processes die at their writes
// to the store. An oracle compares what is reported and done with what is so. A
// failure prints its seed and the smallest script that still fails.
package chaos
