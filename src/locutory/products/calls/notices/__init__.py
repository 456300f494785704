"""Who is told what: signed webhooks with a delivery log, and notices in the console."""
