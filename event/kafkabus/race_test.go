//go:build race

package kafkabus_test

const raceDetector = true
