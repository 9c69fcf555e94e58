// Command empty does nothing: it is what the start of any Go program costs.
package main

func main() {}
