// Package event moves messages between a program and a broker: publish,
// subscribe, retry, dead-letter. It moves bytes. What the bytes mean belongs to
// package codec, and generated code joins the two; neither imports the other.
//
// Nothing is settled before its handler has succeeded, or before the broker has
// stored the message as a retry or a dead letter.
package event
