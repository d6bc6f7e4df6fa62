// Package hostile holds the tests that send a registry what nobody means well
// with: texts that cost more than they say, names that lead elsewhere, bodies
// that never end. The server must answer each with a clear refusal, in bounded
// time and memory, and give the memory back.
package hostile
