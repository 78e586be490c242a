// Command demo is behind `make demo`: it starts what `make run` starts and lets
// Entra, played by package entra, go through the life of an account, from the
// connection test to the deletion. Each stage shows the requests, what kubectl
// prints, and what people may do. It ends with a line for each stage, and exits 0
// only if every one held.
package main
