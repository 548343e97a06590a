package verify

// Policy is what an operator may decide about passes. The zero Policy admits every kind and tolerates nothing.
type Policy struct {
	Kinds    Usage     // kinds that are admitted; zero admits all
	Tolerate Tolerance // deviations from the specification that are let through, and counted
}
